-- Annual figures of eight companies before the fiscal year that their latest
-- filing in filings/ reports on, in millions of US dollars, as published in their
-- reports on form 10-K. net_income_musd is attributable to the company's own
-- shareholders. source names the report from which the row is taken; where a later
-- report revised a figure, that later one is named.
CREATE TABLE annual (
    company               TEXT    NOT NULL,
    ticker                TEXT    NOT NULL,
    fiscal_year           INTEGER NOT NULL,
    period_end            TEXT    NOT NULL,
    revenue_musd          INTEGER NOT NULL,
    operating_income_musd INTEGER NOT NULL,
    net_income_musd       INTEGER NOT NULL,
    total_assets_musd     INTEGER NOT NULL,
    source                TEXT    NOT NULL,
    PRIMARY KEY (company, fiscal_year)
);

INSERT INTO annual VALUES
    ('Apple', 'AAPL', 2018, '2018-09-29', 265595, 70898, 59531, 365725, '10-K for fiscal 2018'),
    ('Apple', 'AAPL', 2019, '2019-09-28', 260174, 63930, 55256, 338516, '10-K for fiscal 2019'),
    ('Apple', 'AAPL', 2020, '2020-09-26', 274515, 66288, 57411, 323888, '10-K for fiscal 2020'),
    ('Apple', 'AAPL', 2021, '2021-09-25', 365817, 108949, 94680, 351002, '10-K for fiscal 2021'),
    ('Apple', 'AAPL', 2022, '2022-09-24', 394328, 119437, 99803, 352755, '10-K for fiscal 2022'),
    ('Apple', 'AAPL', 2023, '2023-09-30', 383285, 114301, 96995, 352583, '10-K for fiscal 2023');

INSERT INTO annual VALUES
    ('Microsoft', 'MSFT', 2018, '2018-06-30', 110360, 35058, 16571, 258848, '10-K for fiscal 2018'),
    ('Microsoft', 'MSFT', 2019, '2019-06-30', 125843, 42959, 39240, 286556, '10-K for fiscal 2019'),
    ('Microsoft', 'MSFT', 2020, '2020-06-30', 143015, 52959, 44281, 301311, '10-K for fiscal 2020'),
    ('Microsoft', 'MSFT', 2021, '2021-06-30', 168088, 69916, 61271, 333779, '10-K for fiscal 2021'),
    ('Microsoft', 'MSFT', 2022, '2022-06-30', 198270, 83383, 72738, 364840, '10-K for fiscal 2022'),
    ('Microsoft', 'MSFT', 2023, '2023-06-30', 211915, 88523, 72361, 411976, '10-K for fiscal 2023');

INSERT INTO annual VALUES
    ('Alphabet', 'GOOGL', 2018, '2018-12-31', 136819, 27524, 30736, 232792, '10-K for fiscal 2020'),
    ('Alphabet', 'GOOGL', 2019, '2019-12-31', 161857, 34231, 34343, 275909, '10-K for fiscal 2019'),
    ('Alphabet', 'GOOGL', 2020, '2020-12-31', 182527, 41224, 40269, 319616, '10-K for fiscal 2020'),
    ('Alphabet', 'GOOGL', 2021, '2021-12-31', 257637, 78714, 76033, 359268, '10-K for fiscal 2021'),
    ('Alphabet', 'GOOGL', 2022, '2022-12-31', 282836, 74842, 59972, 365264, '10-K for fiscal 2022'),
    ('Alphabet', 'GOOGL', 2023, '2023-12-31', 307394, 84293, 73795, 402392, '10-K for fiscal 2023');

INSERT INTO annual VALUES
    ('Amazon', 'AMZN', 2018, '2018-12-31', 232887, 12421, 10073, 162648, '10-K for fiscal 2018'),
    ('Amazon', 'AMZN', 2019, '2019-12-31', 280522, 14541, 11588, 225248, '10-K for fiscal 2019'),
    ('Amazon', 'AMZN', 2020, '2020-12-31', 386064, 22899, 21331, 321195, '10-K for fiscal 2020'),
    ('Amazon', 'AMZN', 2021, '2021-12-31', 469822, 24879, 33364, 420549, '10-K for fiscal 2021'),
    ('Amazon', 'AMZN', 2022, '2022-12-31', 513983, 12248, -2722, 462675, '10-K for fiscal 2022'),
    ('Amazon', 'AMZN', 2023, '2023-12-31', 574785, 36852, 30425, 527854, '10-K for fiscal 2023');

INSERT INTO annual VALUES
    ('NVIDIA', 'NVDA', 2019, '2019-01-27', 11716, 3804, 4141, 13292, '10-K for fiscal 2019'),
    ('NVIDIA', 'NVDA', 2020, '2020-01-26', 10918, 2846, 2796, 17315, '10-K for fiscal 2020'),
    ('NVIDIA', 'NVDA', 2021, '2021-01-31', 16675, 4532, 4332, 28791, '10-K for fiscal 2021'),
    ('NVIDIA', 'NVDA', 2022, '2022-01-30', 26914, 10041, 9752, 44187, '10-K for fiscal 2022'),
    ('NVIDIA', 'NVDA', 2023, '2023-01-29', 26974, 4224, 4368, 41182, '10-K for fiscal 2023'),
    ('NVIDIA', 'NVDA', 2024, '2024-01-28', 60922, 32972, 29760, 65728, '10-K for fiscal 2024');

INSERT INTO annual VALUES
    ('Coca-Cola', 'KO', 2018, '2018-12-31', 34300, 9152, 6434, 83216, '10-K for fiscal 2020'),
    ('Coca-Cola', 'KO', 2019, '2019-12-31', 37266, 10086, 8920, 86381, '10-K for fiscal 2019'),
    ('Coca-Cola', 'KO', 2020, '2020-12-31', 33014, 8997, 7747, 87296, '10-K for fiscal 2020'),
    ('Coca-Cola', 'KO', 2021, '2021-12-31', 38655, 10308, 9771, 94354, '10-K for fiscal 2021'),
    ('Coca-Cola', 'KO', 2022, '2022-12-31', 43004, 10909, 9542, 92763, '10-K for fiscal 2022'),
    ('Coca-Cola', 'KO', 2023, '2023-12-31', 45754, 11311, 10714, 97703, '10-K for fiscal 2023');

INSERT INTO annual VALUES
    ('Walmart', 'WMT', 2019, '2019-01-31', 514405, 21957, 6670, 219295, '10-K for fiscal 2019'),
    ('Walmart', 'WMT', 2020, '2020-01-31', 523964, 20568, 14881, 236495, '10-K for fiscal 2020'),
    ('Walmart', 'WMT', 2021, '2021-01-31', 559151, 22548, 13510, 252496, '10-K for fiscal 2021'),
    ('Walmart', 'WMT', 2022, '2022-01-31', 572754, 25942, 13673, 244860, '10-K for fiscal 2022'),
    ('Walmart', 'WMT', 2023, '2023-01-31', 611289, 20428, 11680, 243197, '10-K for fiscal 2023'),
    ('Walmart', 'WMT', 2024, '2024-01-31', 648125, 27012, 15511, 252399, '10-K for fiscal 2024');

INSERT INTO annual VALUES
    ('Tesla', 'TSLA', 2018, '2018-12-31', 21461, -388, -976, 29740, '10-K for fiscal 2018'),
    ('Tesla', 'TSLA', 2019, '2019-12-31', 24578, -69, -862, 34309, '10-K for fiscal 2019'),
    ('Tesla', 'TSLA', 2020, '2020-12-31', 31536, 1994, 721, 52148, '10-K for fiscal 2020'),
    ('Tesla', 'TSLA', 2021, '2021-12-31', 53823, 6523, 5519, 62131, '10-K for fiscal 2021'),
    ('Tesla', 'TSLA', 2022, '2022-12-31', 81462, 13656, 12556, 82338, '10-K for fiscal 2022'),
    ('Tesla', 'TSLA', 2023, '2023-12-31', 96773, 8891, 14997, 106618, '10-K for fiscal 2023');
